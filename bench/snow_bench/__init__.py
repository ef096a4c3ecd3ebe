"""Benchmarks of snow-host and its peers, side by side.

The files, each of which imports only those before it:

places      folders: the repository's, and the cache for what is installed
install     package registries: apt, pip, npm, cargo
peers/      each server: how it is installed, started and asked
proc        what the kernel says of processes: CPU, memory, and who else is busy
server      one running server: started on a CPU, checked, ended by its pid
load        the clients: wrk, pacer, holder
results     what was measured, round by round
measures/   the measures, a file each
machine     where and when
report      tables and JSON
chart       the picture
cli         what the command line says, and the rounds

Python 3.10 and its standard library.
"""
