"""Images from elsewhere stay out: the address of one can carry away what was said in the chat."""

import html

import streamlit as st


def keep_out_remote_images(allowed_hosts: list[str]) -> None:
    """Tell the browser to load images from this app and the allowed hosts only.

    The policy is a `meta` element, which Streamlit's Markdown and HTML cannot add, and which no later one can loosen.
    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/img-src

    Parameters:
        allowed_hosts: Such as "images.example.org".
    """
    policy = html.escape("img-src 'self' data: blob: " + " ".join(allowed_hosts))
    st.html(
        f'<script data-policy="{policy}">'
        """
        const meta = document.createElement("meta")
        meta.httpEquiv = "Content-Security-Policy"
        meta.content = document.currentScript.dataset.policy
        document.head.append(meta)
        </script>""",
        unsafe_allow_javascript=True,
    )
