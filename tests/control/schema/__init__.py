"""The API held against its OpenAPI document by schemathesis: ``__main__`` for long, ``test_schema`` for a moment."""
