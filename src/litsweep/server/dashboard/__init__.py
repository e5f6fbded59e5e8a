"""The dashboard: the pages at the addresses that the client prints, and the JSON data that they poll."""
