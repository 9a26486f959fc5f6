"""The stand-ins behave as the documents of the services say."""
