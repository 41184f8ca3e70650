"""The two processes of the service, keeper and worker."""
