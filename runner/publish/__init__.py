"""results/ and the study become a static site. Nothing here imports torch.

One way through: `gather` reads and checks, `model` is what it found, `pages` says what each page may use,
`render` fills the templates, `pictures` and `charts` make the files they show, `folder` puts it in place, and
`site` does these in order. `audit` looks at what came out, page by page (`markup`).
"""
