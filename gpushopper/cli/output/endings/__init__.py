"""How runs and the ends of sessions are printed: `run ls`, `why`, what may still bill, and the reasons of ends."""
