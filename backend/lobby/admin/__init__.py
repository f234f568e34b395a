"""`lobby admin`: what operators do on the command line, against `lobby serve` and against a lobby on AWS."""
