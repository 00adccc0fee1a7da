"""Conveniences on top of everything else: methods of other libraries as methods of fldbench."""
