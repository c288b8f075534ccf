"""Pulumi component resources, one file per concept."""
