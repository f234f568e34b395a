"""CloudFormation templates: reading one (``reading``), making it concrete (``resolving``), and the template of the lobby itself
(``lobby_template``)."""
