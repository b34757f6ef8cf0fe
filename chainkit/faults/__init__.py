"""What breaks: one description for the simulator, for comparisons, for the local target and for AWS FIS.

====================  ==============================================================================================
description.py        ``Fault``, ``Faults``: what breaks where, and the chain as it is meanwhile
changing.py           faults of a comparison, on several chains, as far as each has what breaks
local.py              faults as the local target's emulator is told them
fis.py                faults as an experiment template of AWS FIS, and what FIS cannot do
====================  ==============================================================================================
"""
