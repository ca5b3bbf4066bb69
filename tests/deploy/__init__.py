"""What is shipped beside the code: locked requirements, the image, the Compose file, the Makefile."""
