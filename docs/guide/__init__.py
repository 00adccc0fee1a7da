"""What the guide makes at build: pages from the registry, the API, pictures of synthetic faces, executed notebooks."""
