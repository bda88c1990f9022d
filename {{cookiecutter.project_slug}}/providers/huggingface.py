"""Hugging Face's chat model, made from the model's name as the other providers' are."""

import os
from typing import Any

import langchain_huggingface


class ChatHuggingFace(langchain_huggingface.ChatHuggingFace):
    """ChatHuggingFace that makes the endpoint it asks."""

    def __init__(self, *, model: str, api_key: str, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            model: A model's name on the hub.
            api_key: A token of Hugging Face.
            arguments: As for langchain-huggingface's HuggingFaceEndpoint.
        """
        arguments.setdefault("temperature", None)  # else 0.8
        endpoint = langchain_huggingface.HuggingFaceEndpoint(
            repo_id=model, huggingfacehub_api_token=api_key, **arguments
        )
        # Set here, since the class withholds the token from a server that it is given in another way.
        endpoint.async_client.model = os.environ.get("HF_INFERENCE_ENDPOINT", "https://router.huggingface.co")
        super().__init__(llm=endpoint, stream_usage=True)
