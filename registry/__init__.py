"""The model registry: which models there are, and what they need. Imports no Pulumi and no cloud SDK."""
