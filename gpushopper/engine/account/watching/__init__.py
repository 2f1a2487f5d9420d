"""What follows from a heartbeat: its rules and history, bringing agent and limits, and this computer's own network."""
