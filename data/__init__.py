"""What was said: Telegram, the archive, consent and the dataset. No torch in this room."""
