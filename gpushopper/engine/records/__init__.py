"""What becomes of records over months. Not here: rollups and receipts, which are made while sessions go on."""
