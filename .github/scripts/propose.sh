#!/usr/bin/env bash
# Opens what is new in results/ as a pull request; where nothing is, says so.
#
#   propose.sh PROFILE OUTCOME
set -euo pipefail

profile=$1 outcome=$2
branch="record-$profile-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT"
title="Record: trained in the profile $profile"
told="Trained by $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID."
if [ "$outcome" = failed ]; then
    told+=" Some runs failed: the record says which, and why."
fi

git add results
if git diff --cached --quiet; then
    echo "Nothing in results/ is new."
    exit 0
fi
git switch --quiet --create "$branch"
git -c user.name="github-actions[bot]" -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message "$title"
git push --quiet origin "$branch"
gh pr create --base "$GITHUB_REF_NAME" --head "$branch" --title "$title" --body "$told"
