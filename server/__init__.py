"""The model server: fetches the model of a manifest, runs llama-server on it, and serves the OpenAI API. Imports nothing else of Paddock."""
