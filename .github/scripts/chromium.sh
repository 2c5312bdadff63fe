#!/usr/bin/env bash
# Installs the Chromium that Playwright is made for, and puts it where the tests look for one.
set -euo pipefail

.venv/bin/playwright install --with-deps chromium
found=$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
')
sudo ln --symbolic --force "$found" /usr/local/bin/chromium
