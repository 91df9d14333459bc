import mmap, os, pathlib, shutil
for number in range(50):
    pathlib.Path(f"file{number}").write_text("x" * number)
os.mkdir("folder")
os.rename("file1", "folder/moved")
os.symlink("folder/moved", "link")
os.link("file2", "hard")
os.chmod("file3", 0o600)
os.utime("file4", (1, 2))
os.truncate("file5", 100)
os.unlink("file6")
shutil.copytree("folder", "copy")
shutil.rmtree("folder")
print(os.path.exists("link"), os.path.lexists("link"), os.stat("hard").st_nlink, os.stat("file4").st_mtime)
with open("mapped", "wb+") as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 8192) as memory:
        memory[5:10] = b"hello"
    print(file.read(12))
for bad in ("/etc/shadow", "/absent", "."):
    try:
        open(bad)
    except OSError as error:
        print(type(error).__name__, error.errno)
print(sorted(os.listdir("."))[:5], sum(entry.stat().st_size for entry in os.scandir(".") if entry.is_file()))
os.chdir("copy")
print(os.listdir("."), os.path.basename(os.getcwd()))
