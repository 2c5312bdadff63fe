"""From pages to files: templates, pictures, charts, downloads, the folder itself."""
