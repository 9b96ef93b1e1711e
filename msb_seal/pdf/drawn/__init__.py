"""What the pages of a PDF show, drawn by pdfium in a process of its own.

pdfium draws whatever a page says, for as long as that takes: verification asks a process
(asking.py) that may use so much time and memory and no more. What it does there: pages.py,
seals.py, hiding.py.
"""
