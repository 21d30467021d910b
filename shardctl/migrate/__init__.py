"""From an Alembic revision to every month: capture, learn, locate, carry out. Alembic lives here."""
