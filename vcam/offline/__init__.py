"""The same on files: pictures, videos, the demo."""
