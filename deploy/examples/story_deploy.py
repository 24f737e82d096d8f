"""A deployment to production that an engineer and then somebody on call have to agree to; staging only tells them.

pip install signoff
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name deployer
python story_deploy.py monday api 4f2c production

The rule `production` of policy.yaml has the stages; the program knows nothing of them. A deployment is named by its
first word: started again, the program finds its request, and what was deployed once is not deployed twice.
"""

from __future__ import annotations

import sys

from signoff import AlreadyStarted, Gate, NotRun, Rejected

gate = Gate(agent="deployer")


def deploy(environment: str, service: str, sha: str) -> str:
    return f"{service} {sha} runs in {environment}"  # the cluster is called here


def main(run: str, service: str, sha: str, environment: str) -> str:
    """Raises NotRun, and whatever deploying raises."""
    ask, consume, report = gate.blocking.ask, gate.blocking.consume, gate.blocking.report
    decision = ask(
        "deploy",
        {"environment": environment, "service": service, "sha": sha},
        run_id=run,
        tool_call_id=f"{service}-{environment}",
        title=f"Deploy {service} to {environment}",
        rollback=f"deploy the version before {sha}",
    )
    consume(decision)  # right before it runs, and never twice
    given = decision.arguments or {}  # never one's own copy: these are what people agreed to
    try:
        told = deploy(str(given["environment"]), str(given["service"]), str(given["sha"]))
    except Exception as error:
        report(decision, "failed", str(error))
        raise
    report(decision, "succeeded", told)
    return told


if __name__ == "__main__":
    try:
        print(main(*sys.argv[1:5]))
    except Rejected as no:
        print(no)
        sys.exit(10)
    except AlreadyStarted as before:
        print(before)  # since when, and how it ended
        sys.exit(3)
    except NotRun as error:
        print(error)
        sys.exit(1)
