"""The pages: thin handlers that parse, check access, call one verb of the domain, and answer."""
