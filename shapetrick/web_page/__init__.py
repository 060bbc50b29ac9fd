"""The page in a browser: questions and answers as plain data, the server, and the static site."""
