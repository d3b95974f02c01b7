# From a folder of pictures of many sizes to folders of their classes; nothing is downloaded.
set -e
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
convergan example "$place/digits"
convergan fit "$place/digits" --extractor pixels --out "$place/model"
convergan predict "$place/model" "$place/digits/test" --out "$place/test.csv" --sort-into "$place/sorted"
ls "$place/sorted"
