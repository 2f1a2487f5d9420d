"""The agent on an instance: bringing it there with upkeep and limits, and parsing what it reports."""
