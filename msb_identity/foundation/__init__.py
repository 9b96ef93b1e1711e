"""What all three packages stand on: reports, time, files, the store, protected fields.

The store and its database library are loaded only by those who import `foundation.store`.
"""

from msb_identity.foundation.report import Outcome, Report, ReportBuilder, Step, Verdict, exit_code

__all__ = ["Outcome", "Report", "ReportBuilder", "Step", "Verdict", "exit_code"]
