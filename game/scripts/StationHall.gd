class_name StationHall
extends MeshInstance3D
## The hall of the station: a ring of ribs around the deck, windows between them, a crown above, and the arch of the gate at +Z.
## [code]station.gdshader[/code] defines the meaning of the colours.

const BAYS := 24
const DARK := Color(0.0, 0.0, 0.0)
const METAL := Color(0.5, 0.0, 0.0)
const BRIGHT := Color(1.0, 0.0, 0.0)
const AMBER := Color(0.0, 1.0, 0.0)
const CYAN := Color(0.0, 0.0, 1.0)

## The line of a rib from the deck to the crown: distance from the wall inwards, height, half its width.
const RIB: Array[Vector3] = [
	Vector3(0.0, 0.0, 2.2),
	Vector3(1.0, 10.0, 1.6),
	Vector3(3.0, 20.0, 1.4),
	Vector3(11.0, 31.0, 1.1),
	Vector3(26.0, 40.0, 0.9),
	Vector3(45.0, 45.0, 0.7),
]
## The bands around the hall: lower height, upper height, distance inwards at either, material.
const BANDS: Array[Array] = [
	[0.0, 4.6, -1.6, 0.2, METAL],
	[4.6, 5.0, 0.2, 0.3, DARK],
	[5.0, 5.6, 0.3, 0.3, AMBER],
	[5.6, 6.4, 0.3, -0.6, BRIGHT],
	[12.6, 13.0, 0.3, 0.3, BRIGHT],
	[19.4, 19.8, 1.2, 1.2, CYAN],
	[19.8, 22.4, 1.2, 2.2, METAL],
]

static var _meshes: Dictionary[float, ArrayMesh] = {}

## Distance of the wall from the middle, in units.
@export var radius := 84.0


func _ready() -> void:
	if not _meshes.has(radius):
		_meshes[radius] = _build()
	mesh = _meshes[radius]


func _build() -> ArrayMesh:
	var forge := MeshForge.new()
	for bay in BAYS:
		var is_gate := bay == 6  # at +Z
		forge.place = Transform3D(Basis(Vector3.UP, -TAU * bay / BAYS))
		_bay(forge, is_gate)
		forge.place = Transform3D(Basis(Vector3.UP, -TAU * (bay + 0.5) / BAYS))
		_rib(forge)
	return forge.mesh()


## Adds the part from one rib to the next. Its middle is at +X.
func _bay(forge: MeshForge, is_gate: bool) -> void:
	for band in BANDS:
		var low: float = band[0]
		if is_gate and low < 19.0:
			continue
		var high: float = band[1]
		var material: Color = band[4]
		var low_in: float = band[2]
		var high_in: float = band[3]
		_wall(forge, Vector2(radius - low_in, low), Vector2(radius - high_in, high), material)
	_crown(forge)


## Adds a strip of wall, visible from inside, from one distance and height to another.
func _wall(forge: MeshForge, low: Vector2, high: Vector2, material: Color) -> void:
	var half := TAU / BAYS / 2.0
	var corners: PackedVector3Array = []
	for at: Vector3 in [
		Vector3(low.x, low.y, half), Vector3(low.x, low.y, -half), Vector3(high.x, high.y, -half), Vector3(high.x, high.y, half)
	]:
		corners.append(Vector3(at.x * cos(at.z), at.y, at.x * sin(at.z)))
	forge.face(corners, material)


func _rib(forge: MeshForge) -> void:
	var rings: Array[PackedVector3Array] = []
	var light: Array[PackedVector3Array] = []
	for at in RIB:
		var inner := radius - at.x - 1.4
		rings.append(_slice(inner, inner + 2.6, at.y, at.z))
		light.append(_slice(inner - 0.05, inner + 0.1, at.y, 0.16))
	forge.loft(rings, METAL, METAL)
	forge.loft(light.slice(0, 3), CYAN, CYAN)


## Returns four corners around a height, for [method MeshForge.loft].
func _slice(inner: float, outer: float, height: float, half: float) -> PackedVector3Array:
	return [
		Vector3(inner, height, -half), Vector3(inner, height, half), Vector3(outer, height, half), Vector3(outer, height, -half)
	]


## Adds the ring in which the ribs end.
func _crown(forge: MeshForge) -> void:
	var at := RIB[-1]
	var inner := radius - at.x - 2.0
	_wall(forge, Vector2(inner + 3.0, at.y - 1.0), Vector2(inner, at.y - 1.0), BRIGHT)
	_wall(forge, Vector2(inner, at.y - 1.0), Vector2(inner, at.y - 0.4), AMBER)
	_wall(forge, Vector2(inner, at.y - 0.4), Vector2(inner + 0.6, at.y + 1.6), METAL)
