"""The lobby on AWS: one Lambda invocation for each event, presences in DynamoDB, messages through API Gateway."""
