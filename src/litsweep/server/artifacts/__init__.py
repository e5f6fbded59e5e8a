"""Artifacts: tables, versions in collections, contents, and their part of the GraphQL schema."""
