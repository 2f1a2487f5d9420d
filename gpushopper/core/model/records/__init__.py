"""What others have recorded, or we of them: charges of a cloud, and what was sent to a host."""
