"""CloudFormation templates: how one is read (``reading``) and how its functions are resolved (``resolving``)."""
