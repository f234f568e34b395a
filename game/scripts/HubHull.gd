class_name HubHull
extends MeshInstance3D
## The outside of the trading hub: a wheel of modules on spokes around the portal. [code]station.gdshader[/code] defines the
## meaning of the colours.

const MODULES := 16
const RIM := 24.0
const MOUTH := 9.5

static var _mesh: ArrayMesh


func _ready() -> void:
	if _mesh == null:
		_mesh = _build()
	mesh = _mesh


static func _build() -> ArrayMesh:
	var forge := MeshForge.new()
	for i in MODULES:
		forge.place = Transform3D(Basis(Vector3.BACK, TAU * i / MODULES))
		_module(forge, i)
	for i in 24:
		forge.place = Transform3D(Basis(Vector3.BACK, TAU * i / 24.0))
		_mouth(forge)
	return forge.mesh()


## Adds a piece of the rim with windows, and a spoke at every fourth piece.
static func _module(forge: MeshForge, number: int) -> void:
	var wide := 2.0 * RIM * tan(PI / MODULES)
	var depth := 7.0 if number % 2 == 0 else 5.2
	forge.box(Vector3(RIM, 0.0, 0.0), Vector3(4.4, wide * 0.92, depth), StationHall.METAL)
	forge.box(Vector3(RIM, 0.0, 0.0), Vector3(3.4, wide * 1.06, depth * 0.7), StationHall.DARK)
	for side: float in [-1.0, 1.0]:
		for row: float in [-1.1, 0.0, 1.1]:
			if (number * 5 + int(row * 3.0) + int(side)) % 3 != 0:
				forge.box(Vector3(RIM + row, 0.0, side * depth / 2.0), Vector3(0.35, wide * 0.6, 0.08), StationHall.AMBER)
	forge.box(Vector3(RIM + 2.3, 0.0, 0.0), Vector3(0.3, wide * 0.5, depth * 0.5), StationHall.BRIGHT)
	if number % 4 == 2:
		forge.box(Vector3((RIM + MOUTH) / 2.0, 0.0, 0.0), Vector3(RIM - MOUTH, 1.3, 1.6), StationHall.METAL)
		forge.box(Vector3((RIM + MOUTH) / 2.0, 0.0, 0.85), Vector3(RIM - MOUTH - 3.0, 0.16, 0.06), StationHall.CYAN)
		forge.box(Vector3(RIM + 9.0, 0.0, 0.0), Vector3(13.0, 5.5, 0.25), Color(0.25, 0.0, 0.0))
		forge.box(Vector3(RIM + 9.0, 0.0, 0.0), Vector3(13.2, 0.2, 0.3), StationHall.BRIGHT)
	else:
		forge.box(Vector3(RIM - 2.6, 0.0, 0.0), Vector3(0.8, wide * 0.4, 2.0), StationHall.BRIGHT)


## Adds a piece of the ring around the portal.
static func _mouth(forge: MeshForge) -> void:
	var wide := 2.0 * MOUTH * tan(PI / 24.0)
	forge.box(Vector3(MOUTH + 0.6, 0.0, 0.0), Vector3(1.6, wide * 1.15, 2.6), StationHall.METAL)
	forge.box(Vector3(MOUTH - 0.15, 0.0, 1.2), Vector3(0.25, wide * 1.05, 0.3), StationHall.CYAN)
	forge.box(Vector3(MOUTH + 1.2, 0.0, 1.35), Vector3(0.4, wide * 0.45, 0.12), StationHall.AMBER)
