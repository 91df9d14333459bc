import os, sys
total = 0
for folder, folders, files in sorted(os.walk(sys.argv[1])):
    for name in sorted(files):
        with open(os.path.join(folder, name)) as file:
            total += len(file.read())
    print(os.path.relpath(folder, sys.argv[1]), len(folders), len(files))
print(total)
