"""The model server: fetches a manifest's model, runs llama-server on it, serves the OpenAI API. Stands alone."""
