#!/bin/sh
# A shell script that deploys when people have agreed, and does something sensible about every other end.
#
#   pip install "signoff[server]"        # the command `signoff`
#   export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name ci
#   sh story_deploy.sh api 4f2c production
#
# The rule `production` of policy.yaml has two stages. WAIT: seconds that people have, at most what the rule gives them.
# RUN: what names this run, such as the CI's own id; the same run started twice deploys once.
set -u
service=$1 sha=$2 environment=$3

# Only yes and no: what runs below is what was asked about, so nothing of it may be edited.
# Without `set -e` and with the code kept at once: only 0 is a yes, whatever else happens.
signoff ask --tool deploy --agent ci --arg service="$service" --arg sha="$sha" --arg environment="$environment" \
    --reason "Merged to main, all tests pass" --allow approve --allow reject \
    --run-id "${RUN:-$(date +%s)-$$}" --call-id "$service-$environment" --consume ${WAIT:+--wait "$WAIT"} >/dev/null
code=$?

case $code in
0) echo "deployed $service $sha to $environment" ;; # the deployment runs here
10) echo "not deployed: somebody said no" ;;
11) echo "not deployed: nobody decided in time; run me again when somebody is there" ;;
12) echo "not deployed: taken back" ;;
20) echo "not deployed: nobody could be asked, or this run has deployed before" ;;
*) echo "not deployed: signoff ask ended with $code" ;;
esac
exit $code
