import multiprocessing, os, subprocess
print(subprocess.run(["echo", "hello"], capture_output=True).stdout)
print(subprocess.run("exit 3", shell=True).returncode)
print(subprocess.Popen(["sort"], stdin=subprocess.PIPE, stdout=subprocess.PIPE).communicate(b"b\na\n"))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as error:
    print(error.errno)
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
def square(n):
    return n * n
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(square, range(5)))
