"""The pages for residents: no session, no cookies, and nothing that needs JavaScript."""
