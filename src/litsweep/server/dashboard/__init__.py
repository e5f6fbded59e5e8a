"""The pages at the addresses that the client prints, and the JSON that keeps them up to date."""
