"""The book: chapters executed and kept, pages staged and built."""
