"""What the container images and compose.yaml are made from."""
