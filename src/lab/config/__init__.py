"""From a composed config to a typed one: the schema, the rules across keys, and the messages about mistakes."""
