"""The `tf1hub` command: thin; each verb calls a function that a program could call too.

A verb is a module of this package: `export_text_embedding.py` is the verb
`export-text-embedding`. It has one function, `register(subparsers)`, which adds
its parser with `set_defaults(run=function)`; `function(args)` returns an exit
code of `tf1hub.cli._exit`. A verb module imports nothing heavy at its top:
`tf1hub --help` imports them all. Modules whose name begins with `_` are helpers.
"""
