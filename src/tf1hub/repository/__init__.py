"""A repository: a folder of modules, what is known of each, and how one is published into it. No web in it."""
