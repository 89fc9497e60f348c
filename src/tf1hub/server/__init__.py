"""A repository over HTTP: the hosting protocol, an API for programs, pages for people. Needs the extra `server`."""
