"""The tabs of the app's page."""
