"""stand-in until proxy.py lands"""
import sys, time
time.sleep(1e6)
