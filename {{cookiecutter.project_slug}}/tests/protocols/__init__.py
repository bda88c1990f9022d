"""What the providers' APIs look like on the wire, a file each; settings.toml says which one the tests speak."""
