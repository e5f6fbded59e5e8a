"""W&B's GraphQL API: a `.graphql` file and a resolver module for each subject."""
